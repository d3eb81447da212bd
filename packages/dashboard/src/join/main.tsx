import { mount } from '../mount.tsx';
import { JoinPage } from './join-page.tsx';

mount(<JoinPage />);
