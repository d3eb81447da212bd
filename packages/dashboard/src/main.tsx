import { mount } from './mount.tsx';
import { Page } from './page.tsx';

mount(<Page />);
